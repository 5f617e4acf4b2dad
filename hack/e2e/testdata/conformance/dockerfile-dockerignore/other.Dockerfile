ARG BASE
FROM ${BASE}
COPY . /all
RUN echo other
