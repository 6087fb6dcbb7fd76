/* libFuzzer with an interpreter inside. The kernel is linked in, so that it is the code whose coverage guides the fuzzer; what is done
 * with an input stands in fuzz.py. An exception that comes out of there is a finding, as is what the sanitizers see. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

PyMODINIT_FUNC PyInit__kernel(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static PyObject *target;

static void give_up(void)
{
    PyErr_Print();
    abort();
}

/* FUZZ_PYTHON is the interpreter whose packages are used, FUZZ_TARGET a function of fuzz.py. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.install_signal_handlers = 0;
    if (PyStatus_Exception(PyConfig_SetBytesString(&config, &config.executable, getenv("FUZZ_PYTHON"))) ||
        PyStatus_Exception(Py_InitializeFromConfig(&config)))
        abort();
    PyConfig_Clear(&config);
    PyObject *kernel = PyInit__kernel(); /* before another of its name is looked for in files */
    if (!kernel || PyDict_SetItemString(PyImport_GetModuleDict(), "models._kernel", kernel) < 0) give_up();
    Py_DECREF(kernel);
    PyObject *targets = PyImport_ImportModule("fuzz");
    if (!targets || !(target = PyObject_GetAttrString(targets, getenv("FUZZ_TARGET")))) give_up();
    Py_DECREF(targets);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    PyObject *result = PyObject_CallFunction(target, "y#", (const char *)data, (Py_ssize_t)n);
    if (!result) give_up();
    Py_DECREF(result);
    return 0;
}
