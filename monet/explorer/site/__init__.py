"""Static export: the explorer as plain files for any web server, with the models running in the page."""
