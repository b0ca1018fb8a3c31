"""The scenarios, one module for each area of the specification."""
