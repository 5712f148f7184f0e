# PYTHONSTARTUP is for the prompt alone.
print("must not run")
