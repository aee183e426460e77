"""Bodies, queries and answers of the API: a file for each group of routes."""
