/* `models._kernel`: what is too slow in Python. Everything in it has a definition in Python that gives the same answer. */
#include "kernel.h"
#include "lexicon.h"

static struct PyModuleDef kernel = {
    PyModuleDef_HEAD_INIT,
    .m_name = "models._kernel",
    .m_doc = "Lines, stems and scores, compiled.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    PyObject *module = hash_init() < 0 ? NULL : PyModule_Create(&kernel);
    if (module && (add_lines(module) < 0 || add_reading(module) < 0 || add_scorer(module) < 0)) Py_CLEAR(module);
    return module;
}
