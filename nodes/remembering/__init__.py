"""What `summarize` and `extract_facts` share: a lease on their work, reading, feedback."""
