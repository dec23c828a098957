# Everything on one machine, as `make run` starts it. Data in /data; mount a volume there.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/holdfast && /opt/holdfast/bin/pip install --no-cache-dir -r requirements.lock
COPY . .
RUN /opt/holdfast/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 holdfast && install -d -o holdfast /data
COPY --from=build /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH HOLDFAST_DATA_DIR=/data HOLDFAST_HOST=0.0.0.0
USER holdfast
VOLUME /data
EXPOSE 8000 9000
ENTRYPOINT ["holdfast"]
CMD ["run"]
