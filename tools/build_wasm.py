"""Compile the car's simulator to WebAssembly: one JavaScript file from its Python source.

    make wasm

Numba turns the functions of `wmlib/envs/batched_car_racing/wasm.py` into LLVM's intermediate code,
as if for this machine; llvmlite, which holds all of LLVM, turns that into WebAssembly; `wasm-ld`
(Debian's lld) lays out the memory. No C compiler is needed. The bytes depend on LLVM's version,
what they compute does not: `tests/test_wasm_car.py` plays the committed file and a new one.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "wmlib" / "envs" / "batched_car_racing"
RESULT = ROOT / "wmlib" / "book" / "widgets" / "js" / "car_racing_wasm.js"
# What never reaches WebAssembly: other drivers of the same functions.
OTHERS = {"__init__.py", "compilation.py", "cpu.py", "cuda.py", "drawing_cuda.py", "vector_env.py"}

# Numba must leave all optimising to the second compiler: its own would be for this machine, with
# x86's vectors and with the byte offsets of 64-bit pointers, which are wrong in WebAssembly.
NUMBA = {
    "NUMBA_OPT": "0",
    "NUMBA_LOOP_VECTORIZE": "0",
    "NUMBA_SLP_VECTORIZE": "0",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
TRIPLE = "wasm32-unknown-unknown"
FEATURES = "+simd128,+bulk-memory,+nontrapping-fptoint"  # every browser since 2023


def source_digest() -> str:
    """Digest of everything that the compiled code depends on, compilers aside."""
    digest = hashlib.sha256()
    for path in [Path(__file__), *sorted(PACKAGE.glob("*.py"))]:
        if path.name not in OTHERS:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def emit(folder: Path) -> None:
    """Write the intermediate code of every entry into `folder`, and the table of its memory."""
    from numba import cfunc

    from wmlib.envs.batched_car_racing import wasm

    for name, (signature, function) in (wasm.ENTRIES | wasm.C_FUNCTIONS).items():
        compiled = cfunc(signature, error_model="numpy")(function)
        code = compiled.inspect_llvm().replace(compiled.native_name, name)
        (folder / f"{name}.ll").write_text(code)
    layout = {
        name: [place.dtype.name, place.address, list(place.shape)]
        for name, place in wasm.layout().items()
    }
    table = {"layout": layout, "exports": list(wasm.ENTRIES), "first_free": wasm.first_free()}
    (folder / "table.json").write_text(json.dumps(table))


def for_wasm(code: str, machine: Any) -> str:
    """The same intermediate code, no longer tied to this machine."""
    code = re.sub(r'target datalayout = ".*"', f'target datalayout = "{machine.target_data}"', code)
    code = re.sub(r'target triple = ".*"', f'target triple = "{TRIPLE}"', code)
    code = re.sub(r'"target-(cpu|features)"="[^"]*"', "", code)
    # Counting references: arrays that lie at fixed addresses have no owner, so this never runs.
    code = re.sub(r"call i8 @llvm\.x86\.atomic\.sub\.cc[^\n]*", "add i8 0, 0", code)
    code = re.sub(r"declare i8 @llvm\.x86[^\n]*", "", code)
    # Variables that C's linker would merge; WebAssembly's knows none such.
    return code.replace(" = common ", " = internal ")


def compile_object(folder: Path) -> bytes:
    """All entries as one WebAssembly object, optimised together."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(TRIPLE)
    machine = target.create_target_machine(opt=3, features=FEATURES)
    whole = llvm.parse_assembly("")
    whole.triple, whole.data_layout = TRIPLE, str(machine.target_data)
    for path in sorted(folder.glob("*.ll")):
        whole.link_in(llvm.parse_assembly(for_wasm(path.read_text(), machine)))
    whole.verify()
    # Only what is called from outside keeps its name: the rest may be merged into its callers.
    kept = {path.stem for path in folder.glob("*.ll")}
    for function in whole.functions:
        if not function.is_declaration and function.name not in kept:
            function.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(whole, builder)
    return machine.emit_object(whole)


def link(folder: Path, exports: list[str], first_free: int) -> bytes:
    """The finished module: constants and the stack lie behind the simulator's arrays."""
    command = ["wasm-ld", "--no-entry", "--strip-all", "--gc-sections", "--allow-undefined"]
    command += [f"--global-base={first_free}", *(f"--export={name}" for name in exports)]
    subprocess.run([*command, "-o", "car.wasm", "car.o"], cwd=folder, check=True)
    return (folder / "car.wasm").read_bytes()


def build(result: Path = RESULT) -> None:
    """Compile and write `result`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A process of its own, because Numba reads its settings while it is imported; and a cache
        # of its own, because Numba's cannot tell these settings from the usual ones.
        settings = NUMBA | {"NUMBA_CACHE_DIR": name, "PYTHONPATH": str(ROOT)}
        settings["PYTHONWARNINGS"] = "ignore"  # that unoptimised functions cannot be cached
        command = [sys.executable, __file__, "--emit", name]
        subprocess.run(command, env=os.environ | settings, check=True)
        table = json.loads((folder / "table.json").read_text())
        (folder / "car.o").write_bytes(compile_object(folder))
        code = link(folder, table["exports"], table["first_free"])
    content = {
        "source": source_digest(),
        "layout": table["layout"],
        "wasm": base64.b64encode(code).decode(),
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(
        "// Generated by `make wasm` from wmlib/envs/batched_car_racing: do not edit.\n"
        f"export const CAR_RACING = {json.dumps(content)};\n"
    )
    print(f"{result.name}: {len(code):,} bytes of WebAssembly")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--emit"]:
        emit(Path(sys.argv[2]))
    else:
        build(*map(Path, sys.argv[1:2]))
