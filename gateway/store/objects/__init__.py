"""The objects of the API in `store.db`: schema, migrations, rows and their one writer."""
