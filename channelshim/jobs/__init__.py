"""What the platform does by itself: tasks, cron, instance start and stop."""
