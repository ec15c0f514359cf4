"""An OpenSearch with k-NN on this machine, for a look around, for tests and for benchmarks.

``python -m local.opensearch_server`` (``make opensearch``) runs one until Ctrl-C: the official
image where a Docker daemon answers, otherwise the distribution and the k-NN plugin from Maven with
a JDK found here. ``node.running_node`` gives tests one from Maven, to kill and to start again.

The plugin on Maven is Java alone, without the native library of the engine ``faiss``. An index with
a faiss field can be created on it, but **the first document written to such a field ends the whole
node**: there, write to fields of the engine ``lucene`` only. The image has the native library.

No password and no TLS: it listens on 127.0.0.1 alone.
"""
