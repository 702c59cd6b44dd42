"""What the api process keeps in `store.db` beside plain objects: logins, tokens, photos, audit."""
