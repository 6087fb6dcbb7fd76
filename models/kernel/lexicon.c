#include "lexicon.h"

#include <string.h>

static int add_word(Lexicon *lexicon, Py_ssize_t index, PyObject *word)
{
    if (!PyUnicode_Check(word)) {
        PyErr_SetString(PyExc_TypeError, "every word must be a str");
        return -1;
    }
    Py_ssize_t n = PyUnicode_GET_LENGTH(word), start = lexicon->starts[index];
    uint32_t *letters = lexicon->letters + start;
    for (Py_ssize_t i = 0; i < n; i++) letters[i] = PyUnicode_READ_CHAR(word, i);
    lexicon->starts[index + 1] = start + n;
    lexicon->hashes[index] = hash_letters(letters, n);
    if (n > lexicon->longest) lexicon->longest = n;
    if (lexicon_find(lexicon, letters, n, lexicon->hashes[index]) >= 0) {
        PyErr_Format(PyExc_ValueError, "the word %R stands twice", word);
        return -1;
    }
    Py_ssize_t slot = lexicon->hashes[index] & lexicon->mask;
    while (lexicon->slots[slot] >= 0) slot = (slot + 1) & lexicon->mask;
    lexicon->slots[slot] = (int32_t)index;
    return 0;
}

int lexicon_init(Lexicon *lexicon, PyObject *words)
{
    memset(lexicon, 0, sizeof *lexicon);
    if (!PyList_Check(words)) {
        PyErr_SetString(PyExc_TypeError, "words must be a list");
        return -1;
    }
    Py_ssize_t n = PyList_GET_SIZE(words), n_letters = 0, slots = 8;
    if (n > INT32_MAX / 4) {
        PyErr_SetString(PyExc_ValueError, "too many words");
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (PyUnicode_Check(PyList_GET_ITEM(words, i))) n_letters += PyUnicode_GET_LENGTH(PyList_GET_ITEM(words, i));
    while (slots < 2 * n) slots *= 2;
    lexicon->n_words = n;
    lexicon->mask = slots - 1;
    lexicon->slots = PyMem_Malloc((size_t)slots * sizeof *lexicon->slots);
    lexicon->starts = PyMem_Calloc((size_t)n + 1, sizeof *lexicon->starts);
    lexicon->hashes = PyMem_Calloc((size_t)n + 1, sizeof *lexicon->hashes);
    lexicon->letters = PyMem_Calloc((size_t)n_letters + 1, sizeof *lexicon->letters);
    if (!lexicon->slots || !lexicon->starts || !lexicon->hashes || !lexicon->letters) {
        PyErr_NoMemory();
        return -1;
    }
    memset(lexicon->slots, 0xff, (size_t)slots * sizeof *lexicon->slots);
    for (Py_ssize_t i = 0; i < n; i++)
        if (add_word(lexicon, i, PyList_GET_ITEM(words, i)) < 0) return -1;
    return 0;
}

void lexicon_free(Lexicon *lexicon)
{
    PyMem_Free(lexicon->slots);
    PyMem_Free(lexicon->starts);
    PyMem_Free(lexicon->hashes);
    PyMem_Free(lexicon->letters);
    memset(lexicon, 0, sizeof *lexicon);
}

int32_t lexicon_find(const Lexicon *lexicon, const uint32_t *letters, Py_ssize_t n, uint32_t hash)
{
    for (Py_ssize_t slot = hash & lexicon->mask; lexicon->slots[slot] >= 0; slot = (slot + 1) & lexicon->mask) {
        int32_t index = lexicon->slots[slot];
        Py_ssize_t start = lexicon->starts[index];
        if (lexicon->hashes[index] == hash && lexicon->starts[index + 1] - start == n &&
            memcmp(lexicon->letters + start, letters, (size_t)n * sizeof *letters) == 0)
            return index;
    }
    return -1;
}

/* Lower case takes more than a letter at a time for these two alone (Unicode's SpecialCasing; a test goes through all). */
static int needs_python(const Words *words)
{
    if (words->kind == PyUnicode_1BYTE_KIND) return 0;
    for (Py_ssize_t i = 0; i < words->length; i++) {
        Py_UCS4 letter = PyUnicode_READ(words->kind, words->data, i);
        if (letter == 0x130 || letter == 0x3A3) return 1;
    }
    return 0;
}

int words_init(Words *words, PyObject *text)
{
    memset(words, 0, sizeof *words);
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a text must be a str");
        return -1;
    }
    for (;;) {
        words->kind = PyUnicode_KIND(text);
        words->is_ascii = PyUnicode_IS_ASCII(text);
        words->data = PyUnicode_DATA(text);
        words->length = PyUnicode_GET_LENGTH(text);
        if (words->owned || !needs_python(words)) return 0;
        text = words->owned = PyObject_CallMethod(text, "lower", NULL);
        if (!text) return -1;
    }
}

void words_free(Words *words)
{
    Py_CLEAR(words->owned);
}

/* Lower case of an ASCII word character, else 0. */
static const uint8_t ASCII[128] = {
    ['0'] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
    ['A'] = 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
    'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    ['_'] = '_',
    ['a'] = 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
    'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
};

static inline uint32_t word_letter(Py_UCS4 letter)
{
    if (letter < 128) return ASCII[letter];
    return Py_UNICODE_ISALNUM(letter) ? Py_UNICODE_TOLOWER(letter) : 0;
}

Py_ssize_t words_next(Words *words, uint32_t *letters, Py_ssize_t room)
{
    Py_ssize_t at = words->at, end = words->length, n = 0;
    uint32_t letter;
    if (words->is_ascii) {
        const uint8_t *data = words->data;
        while (at < end && !ASCII[data[at]]) at++;
        for (; at < end && (letter = ASCII[data[at]]); at++, n++)
            if (n < room) letters[n] = letter;
    } else {
        while (at < end && !word_letter(PyUnicode_READ(words->kind, words->data, at))) at++;
        for (; at < end && (letter = word_letter(PyUnicode_READ(words->kind, words->data, at))); at++, n++)
            if (n < room) letters[n] = letter;
    }
    words->at = at;
    return n;
}
