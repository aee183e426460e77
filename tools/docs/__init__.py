"""The parts of the documentation that are made from the code: tables, the pages of the models, their pictures."""
