"""Parts of the pipeline with one reason to change each: spec cache, admission, authentication. No Django."""
