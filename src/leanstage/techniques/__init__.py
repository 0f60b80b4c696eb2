"""What distill, prune and quantize share: learning from a teacher, searching within a budget."""
