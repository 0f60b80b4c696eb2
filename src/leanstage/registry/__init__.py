"""MLflow: where models come from, where evidence is kept, and what is promoted."""
