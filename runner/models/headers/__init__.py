"""What the headers of a model's files say: one file for each form. No weight is read."""
