/* The lines of a page, and what each of them may hold, so that rules are tried only on lines that they could be about. The
 * definition in `models/sight.py` knows nothing of any line, and has all rules tried; tests hold the kinds of lines together. */
#include "kernel.h"
#include "lexicon.h"

#include <string.h>

enum { OPENS = 1, NEEDS = 2, FOREIGN = 4, DATED = 8, BYLINE = 16, SHAPED = 32, ENDS = 64, RUNS_ON = 128 }; /* as in `models/sight.py` */
enum { TAIL = 16 /* letters in which a line's last sentence ends, as `END` in `models/furniture.py` */ };
enum { BEGINNING = 4 /* letters of a word that may count for it */ };

typedef struct {
    PyObject_HEAD
    Lexicon lexicon;
    uint8_t *first, *anywhere;    /* (n_words): what a line may hold that begins with a word, or that holds it */
    Py_ssize_t shortest, longest; /* letters of the lines that are looked into */
    int begun;                    /* to be made: that happens once, whether it succeeds or not */
} Lines;

/* Whether a character ends a line: those of `str.splitlines`. */
static inline int ends_line(Py_UCS4 c)
{
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static inline int is_letter(Py_UCS4 c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}

static inline int is_digit(Py_UCS4 c)
{
    return c >= '0' && c <= '9';
}

/* Quotation marks, dashes and dots that English is written with: of no language more than of another, and no marks of menus. */
static inline int is_plain(Py_UCS4 c)
{
    return c == 0x2018 || c == 0x2019 || c == 0x201C || c == 0x201D || c == 0x2013 || c == 0x2014 || c == 0x2026;
}

static inline int closes(Py_UCS4 c)
{
    return c == '\'' || c == '"' || c == 0x2019 || c == 0x201D || c == ')' || c == ']';
}

/* Whether a sentence ends with a line of more than TAIL letters: ENDS, 0, or SHAPED where it takes a closer look. */
static inline uint8_t end_of(int kind, const void *data, Py_ssize_t end)
{
    Py_ssize_t at = end, limit = end - TAIL;
    while (at > limit && closes(PyUnicode_READ(kind, data, at - 1))) at--;
    if (at == limit) return 0; /* no mark is within reach */
    Py_UCS4 mark = PyUnicode_READ(kind, data, at - 1);
    if (mark == '.' || mark == '!' || mark == '?' || mark == 0x2026) return ENDS;
    for (at = end; at > limit && PyUnicode_READ(kind, data, at - 1) != ' '; at--) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at - 1);
        if (is_letter(c) || c == '_') return 0;
    }
    return SHAPED; /* the end mark of an agency may follow the sentence */
}

/* Whether a line has a letter or a digit of English: one of marks alone is furniture by its shape. */
static inline int says_anything(int kind, const void *data, Py_ssize_t start, Py_ssize_t end)
{
    for (Py_ssize_t at = start; at < end; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if (is_letter(c) || is_digit(c)) return 1;
    }
    return 0;
}

/* What a line may hold. */
static inline uint8_t look(const Lines *self, int kind, const void *data, Py_ssize_t start, Py_ssize_t end)
{
    Py_UCS4 c = PyUnicode_READ(kind, data, start);
    int is_first = is_letter(c);
    if (!is_first && !says_anything(kind, data, start, end)) return FOREIGN;
    uint8_t held = is_first || c == '"' || c == '\'' || c == 0x201C || c == 0x2018 ? 0 : OPENS | BYLINE;
    for (Py_ssize_t at = start; at < end;) {
        c = PyUnicode_READ(kind, data, at);
        if (!is_letter(c) && !is_digit(c) && c != '_') {
            if (c < ' ' || (c >= 127 && !is_plain(c))) return FOREIGN;
            if (c == '|' || c == '/' || c == '>' || (c == ' ' && PyUnicode_READ(kind, data, at + 1) == ' ')) held |= SHAPED;
            at++; /* a line ends with no space: there is a letter after one */
            continue;
        }
        Key key = {0};
        for (; at < end; at++, key.n++) {
            c = PyUnicode_READ(kind, data, at);
            if (is_digit(c)) held |= DATED;
            else if (!is_letter(c) && c != '_') break;
            if (is_first && key.n >= BEGINNING && key.n <= PACKED) {
                int32_t word = lexicon_find(&self->lexicon, &key);
                if (word >= 0) held |= self->first[word];
            }
            if (key.n < 8) key.low |= (uint64_t)(c | 0x20) << 8 * key.n;
            else if (key.n < PACKED) key.high |= (uint64_t)(c | 0x20) << 8 * (key.n - 8);
        }
        int32_t word = key.n <= PACKED ? lexicon_find(&self->lexicon, &key) : -1;
        if (word >= 0) held |= self->anywhere[word] | (is_first ? self->first[word] : 0);
        is_first = 0;
    }
    return held | end_of(kind, data, end);
}

/* One function for each width of letters, since the compiler knows `kind` there. 0, or -1 with an exception set. */
static inline int read_lines(const Lines *self, int kind, const void *data, Py_ssize_t length, PyObject *found)
{
    int is_open = 0; /* whether the line before ends in a letter or a digit */
    for (Py_ssize_t at = 0;;) {
        while (at < length && Py_UNICODE_ISSPACE(PyUnicode_READ(kind, data, at))) at++;
        if (at == length) return 0;
        Py_ssize_t start = at, n_spaces = 0, end;
        for (; at < length; at++) {
            Py_UCS4 c = PyUnicode_READ(kind, data, at);
            if (ends_line(c)) break;
            n_spaces += c == ' ';
        }
        for (end = at; Py_UNICODE_ISSPACE(PyUnicode_READ(kind, data, end - 1)); end--)
            n_spaces -= PyUnicode_READ(kind, data, end - 1) == ' ';
        int is_told = end - start >= self->shortest && end - start <= self->longest;
        int held = is_told ? look(self, kind, data, start, end) : FOREIGN;
        if (is_open || Py_UNICODE_ISLOWER(PyUnicode_READ(kind, data, start))) held |= RUNS_ON;
        is_open = Py_UNICODE_ISALNUM(PyUnicode_READ(kind, data, end - 1));
        PyObject *line = Py_BuildValue("(nnni)", start, end, n_spaces + 1, held);
        if (!line || PyList_Append(found, line) < 0) {
            Py_XDECREF(line);
            return -1;
        }
        Py_DECREF(line);
    }
}

PyDoc_STRVAR(read_doc, "read(page)\n--\n\n"
             "The lines of a page that are not blank: start, end, number of words and what each may hold.");

static PyObject *lines_read(Lines *self, PyObject *page)
{
    if (!self->first) {
        PyErr_SetString(PyExc_RuntimeError, "the reader of lines was not made");
        return NULL;
    }
    if (!PyUnicode_Check(page)) {
        PyErr_SetString(PyExc_TypeError, "a page must be a str");
        return NULL;
    }
    PyObject *found = PyList_New(0);
    if (!found) return NULL;
    const void *data = PyUnicode_DATA(page);
    Py_ssize_t length = PyUnicode_GET_LENGTH(page);
    int failed;
    switch (PyUnicode_KIND(page)) {
    case PyUnicode_1BYTE_KIND: failed = read_lines(self, PyUnicode_1BYTE_KIND, data, length, found); break;
    case PyUnicode_2BYTE_KIND: failed = read_lines(self, PyUnicode_2BYTE_KIND, data, length, found); break;
    default: failed = read_lines(self, PyUnicode_4BYTE_KIND, data, length, found);
    }
    if (failed) Py_CLEAR(found);
    return found;
}

PyDoc_STRVAR(lines_doc, "Lines(words, first, anywhere, shortest, longest)\n--\n\n"
             "Words, and a byte each: what a line may hold that begins with it, and what one may that holds it.");

static int lines_init(Lines *self, PyObject *args, PyObject *kwargs)
{
    PyObject *words;
    Py_buffer first, anywhere;
    Py_ssize_t shortest, longest;
    static char *names[] = {"words", "first", "anywhere", "shortest", "longest", NULL};
    if (self->begun) {
        PyErr_SetString(PyExc_RuntimeError, "a reader of lines is made once");
        return -1;
    }
    self->begun = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oy*y*nn", names, &words, &first, &anywhere, &shortest, &longest)) return -1;
    int result = -1;
    if (lexicon_init(&self->lexicon, words) < 0) goto done;
    Py_ssize_t n = self->lexicon.n_words;
    if (first.len != n || anywhere.len != n || self->lexicon.longest > PACKED || shortest < TAIL) {
        PyErr_SetString(PyExc_ValueError, "words and bytes do not fit together, or words or lines are too long or too short");
        goto done;
    }
    uint8_t *held = PyMem_Malloc((size_t)n * 2 + 1);
    if (!held) {
        PyErr_NoMemory();
        goto done;
    }
    memcpy(held, first.buf, (size_t)n);
    memcpy(held + n, anywhere.buf, (size_t)n);
    self->anywhere = held + n;
    self->shortest = shortest;
    self->longest = longest;
    self->first = held; /* last: with it the reader is made */
    result = 0;
done:
    PyBuffer_Release(&first);
    PyBuffer_Release(&anywhere);
    return result;
}

static void lines_dealloc(Lines *self)
{
    lexicon_free(&self->lexicon);
    PyMem_Free(self->first);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef lines_methods[] = {
    {"read", (PyCFunction)lines_read, METH_O, read_doc},
    {NULL},
};

static PyTypeObject LinesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "models._kernel.Lines",
    .tp_basicsize = sizeof(Lines),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = lines_doc,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)lines_init,
    .tp_dealloc = (destructor)lines_dealloc,
    .tp_methods = lines_methods,
};

int add_lines(PyObject *module)
{
    return PyModule_AddType(module, &LinesType);
}
