"""MONet Explorer: a Gradio page whose panels are drawn in the browser from one JSON payload per scene."""
