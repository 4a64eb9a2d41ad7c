"""The app: a Gradio page whose panels are drawn in the browser from one payload per scene."""
