"""All that depends on a language: its words, its questions, its dates. Read `languages` first."""
