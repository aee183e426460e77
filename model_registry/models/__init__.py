"""The built-in models, one file each. Copy one into a folder of your own and name that folder in TACIT_MODEL_PATH."""
