#include "lexicon.h"

#include <string.h>

/* Lower case of ASCII letters is a bit; digits have it, and `_` becomes what no other word character is. */
static inline uint64_t pack(uint32_t letter, Py_ssize_t place)
{
    return (uint64_t)(letter | 0x20) << (8 * place);
}

/* A key of letters in lower case; packed if it can be. */
static Key key_of(const uint32_t *letters, Py_ssize_t n)
{
    Key key = {0, 0, letters, n};
    if (n > PACKED) return key;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (letters[i] >= 128) return (Key){0, 0, letters, n};
        if (i < 8) key.low |= pack(letters[i], i);
        else key.high |= pack(letters[i], i - 8);
    }
    key.letters = NULL;
    return key;
}

int32_t lexicon_find_letters(const Lexicon *lexicon, const Key *key)
{
    uint64_t hash = hash_key(key);
    for (Py_ssize_t at = (Py_ssize_t)hash & lexicon->mask; lexicon->slots[at].index >= 0; at = (at + 1) & lexicon->mask) {
        const Slot *slot = &lexicon->slots[at];
        Py_ssize_t start = lexicon->starts[slot->index];
        if (slot->low == 0 && slot->high == hash && lexicon->starts[slot->index + 1] - start == key->n &&
            memcmp(lexicon->letters + start, key->letters, (size_t)key->n * sizeof *key->letters) == 0)
            return slot->index;
    }
    return -1;
}

static int add_word(Lexicon *lexicon, Py_ssize_t index, PyObject *word)
{
    if (!PyUnicode_Check(word) || PyUnicode_GET_LENGTH(word) == 0) {
        PyErr_SetString(PyExc_TypeError, "every word must be a str, and not empty");
        return -1;
    }
    Py_ssize_t n = PyUnicode_GET_LENGTH(word), start = lexicon->starts[index];
    uint32_t *letters = lexicon->letters + start;
    for (Py_ssize_t i = 0; i < n; i++) letters[i] = PyUnicode_READ_CHAR(word, i);
    if (letters[0] == 0) {
        PyErr_SetString(PyExc_ValueError, "a word begins with NUL");
        return -1;
    }
    lexicon->starts[index + 1] = start + n;
    if (n > lexicon->longest) lexicon->longest = n;
    Key key = key_of(letters, n);
    if (lexicon_find(lexicon, &key) >= 0) {
        PyErr_Format(PyExc_ValueError, "the word %R stands twice", word);
        return -1;
    }
    uint64_t hash = hash_key(&key);
    Py_ssize_t at = (Py_ssize_t)hash & lexicon->mask;
    while (lexicon->slots[at].index >= 0) at = (at + 1) & lexicon->mask;
    lexicon->slots[at] = (Slot){key.low, key.letters ? hash : key.high, (int32_t)index};
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
    lexicon->letters = PyMem_Calloc((size_t)n_letters + 1, sizeof *lexicon->letters);
    if (!lexicon->slots || !lexicon->starts || !lexicon->letters) {
        PyErr_NoMemory();
        return -1;
    }
    memset(lexicon->slots, 0xff, (size_t)slots * sizeof *lexicon->slots); /* every index -1 */
    for (Py_ssize_t i = 0; i < n; i++)
        if (add_word(lexicon, i, PyList_GET_ITEM(words, i)) < 0) return -1;
    return 0;
}

void lexicon_free(Lexicon *lexicon)
{
    PyMem_Free(lexicon->slots);
    PyMem_Free(lexicon->starts);
    PyMem_Free(lexicon->letters);
    memset(lexicon, 0, sizeof *lexicon);
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

/* Word characters of ASCII. */
static const uint8_t IS_WORD[128] = {
    ['0'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['A'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['_'] = 1,
    ['a'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

static inline int is_word(Py_UCS4 letter)
{
    return letter < 128 ? IS_WORD[letter] : Py_UNICODE_ISALNUM(letter);
}

/* One function for each width of letters: the run, then its key. */
#define DEFINE_NEXT(NAME, TYPE, IS_WORD_OF)                                                          \
    static Py_ssize_t NAME(Words *words, Key *key, Py_ssize_t limit, uint32_t *room)                 \
    {                                                                                                \
        const TYPE *data = words->data;                                                              \
        Py_ssize_t at = words->at, end = words->length, start, n;                                    \
        uint32_t all = 0;                                                                            \
        while (at < end && !IS_WORD_OF(data[at])) at++;                                              \
        for (start = at; at < end && IS_WORD_OF(data[at]); at++) all |= data[at];                    \
        words->at = at;                                                                              \
        n = at - start < limit ? at - start : limit;                                                 \
        *key = (Key){0, 0, NULL, n};                                                                 \
        if (all < 128 && n <= PACKED) {                                                              \
            for (Py_ssize_t i = 0; i < n && i < 8; i++) key->low |= pack(data[start + i], i);        \
            for (Py_ssize_t i = 8; i < n; i++) key->high |= pack(data[start + i], i - 8);            \
        } else {                                                                                     \
            for (Py_ssize_t i = 0; i < n; i++) room[i] = Py_UNICODE_TOLOWER(data[start + i]);        \
            *key = key_of(room, n);                                                                  \
        }                                                                                            \
        return at - start;                                                                           \
    }

#define IS_WORD_OF_ASCII(letter) IS_WORD[letter]

DEFINE_NEXT(next_of_ascii, uint8_t, IS_WORD_OF_ASCII)
DEFINE_NEXT(next_of_ucs1, Py_UCS1, is_word)
DEFINE_NEXT(next_of_ucs2, Py_UCS2, is_word)
DEFINE_NEXT(next_of_ucs4, Py_UCS4, is_word)

Py_ssize_t words_next(Words *words, Key *key, Py_ssize_t limit, uint32_t *room)
{
    if (words->is_ascii) return next_of_ascii(words, key, limit, room);
    switch (words->kind) {
    case PyUnicode_1BYTE_KIND: return next_of_ucs1(words, key, limit, room);
    case PyUnicode_2BYTE_KIND: return next_of_ucs2(words, key, limit, room);
    default: return next_of_ucs4(words, key, limit, room);
    }
}
