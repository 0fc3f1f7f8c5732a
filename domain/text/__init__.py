"""All that depends on a language: words, stems, dates. Nothing else knows one."""
