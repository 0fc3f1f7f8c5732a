"""What is held to be true: statements, supersession and history, entities. Read `facts` first."""
