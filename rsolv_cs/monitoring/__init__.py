"""What an operator's own tools read of us or are told: metrics for Prometheus, errors for Sentry, traces by OTLP."""
