"""What a message bus brings: feeds say what is listened to, the intake makes each message evidence, the listener holds the connection."""
