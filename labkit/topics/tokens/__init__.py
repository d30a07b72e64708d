"""How text becomes tokens: strips, languages, templates, BPE grown, vocabularies. Notebook 01."""
