#!/bin/sh -e
# install-packages.sh DIRECTORY -r PINS…: what both images' builder stages do with pinned packages.
directory=$1
shift
# Wheels alone are taken, so that no base needs a compiler.
python3 -m pip install --no-cache-dir --no-compile --no-deps --require-hashes --only-binary :all: \
  --target "$directory" "$@"
# The libraries' own tests stay out. (AWS's bases have no `find`.)
python3 -c 'import pathlib, shutil, sys
for tests in list(pathlib.Path(sys.argv[1]).rglob("tests")):
    shutil.rmtree(tests)' "$directory"
# Bytecode that is checked by nothing at import holds wherever the files end up, and however old the
# file system says they are; Lambda's could not be written to.
python3 -m compileall -q --invalidation-mode unchecked-hash "$directory"
chmod -R a+rX "$directory"
