"""Small models whose maximum likelihood is known in closed form or is unique."""
