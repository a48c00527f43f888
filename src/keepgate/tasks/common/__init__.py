"""What the estimators of all tasks share; it knows none of them."""
