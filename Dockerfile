# docker build -t synmix .                                    on a CPU, or on GPUs: PyTorch's wheels bring CUDA
# docker build -t synmix --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 .      where you need CUDA's own tools
# docker run --rm -it --gpus all --shm-size 8g -v "$DETECTRON2_DATASETS:/data" -v "$PWD/output:/synmix/output" \
#     synmix train --config-file mixture.yaml --num-gpus 4
#
# --shm-size: the loader's workers hand images over in shared memory, of which Docker gives 64 MB; 8 GB serve four
# workers. Too little ends a training with "bus error" (or set DATALOADER.NUM_WORKERS 0).
ARG BASE=python:3.12-slim
FROM ${BASE}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git python3 python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m pip install --no-cache-dir --break-system-packages uv
WORKDIR /synmix
COPY . .
RUN uv sync --python ">=3.10,<3.14" --no-cache
ENV DETECTRON2_DATASETS=/data PATH=/synmix/.venv/bin:$PATH
ENTRYPOINT ["synmix"]
CMD ["--help"]
