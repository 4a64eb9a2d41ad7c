# Image of the app, see docs/sharing.md:
#   docker run --rm --read-only --tmpfs /tmp -p 7860:7860 -e MONET_AUTH=class:PASSWORD $(docker build -q .)
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "torch>=2.6" && \
    pip install --no-cache-dir -r requirements.txt
COPY app.py ./
COPY checkpoints checkpoints
COPY monet monet
RUN python -m compileall -q app.py monet
USER 10001:10001
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s CMD ["python", "-c", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:7860/gradio_api/startup-events')"]
ENTRYPOINT ["python", "app.py", "--host", "0.0.0.0"]
