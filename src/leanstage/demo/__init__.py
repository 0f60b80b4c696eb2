"""The demo: a real model and real reviews, from packages that ship them."""
