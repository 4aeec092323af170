"""Who may see the dashboard: log-in, sessions, origins, and what browsers are told about security."""
