"""The explorer as plain files: a folder that any web server can serve, with the models in the page."""
