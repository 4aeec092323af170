"""What the dashboard costs, measured in a real browser."""
