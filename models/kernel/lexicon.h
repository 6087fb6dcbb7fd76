/* Words of a text, and their numbers in a vocabulary. Shared by the scorer and the segmenter. */
#ifndef WIRETAG_LEXICON_H
#define WIRETAG_LEXICON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

/* A hash table from words to numbers. Words are verified letter by letter: equal hashes are never taken for equal words. */
typedef struct {
    Py_ssize_t n_words;
    Py_ssize_t longest;   /* letters of the longest word */
    Py_ssize_t mask;      /* slots - 1; slots are a power of two, at least twice the words */
    int32_t *slots;       /* index of a word, or -1 */
    Py_ssize_t *starts;   /* n_words + 1: where a word's letters begin in `letters` */
    uint32_t *hashes;
    uint32_t *letters;    /* code points of all words */
} Lexicon;

/* Fill from a list of str. 0, or -1 with an exception set; the lexicon may be freed either way. */
int lexicon_init(Lexicon *lexicon, PyObject *words);
void lexicon_free(Lexicon *lexicon);
/* Index of a word given by its letters and hash, or -1. */
int32_t lexicon_find(const Lexicon *lexicon, const uint32_t *letters, Py_ssize_t n, uint32_t hash);

/* Runs of word characters (Python's \w) of a text in lower case. `text` must stay alive. */
typedef struct {
    PyObject *owned;      /* the text in lower case where that takes more than a letter at a time, or NULL */
    int kind;
    int is_ascii;
    const void *data;
    Py_ssize_t length, at;
} Words;

/* 0, or -1 with an exception set. */
int words_init(Words *words, PyObject *text);
void words_free(Words *words);
/* Letters of the next run, or 0 at the end. The first `room` of them are written to `letters`. */
Py_ssize_t words_next(Words *words, uint32_t *letters, Py_ssize_t room);

/* FNV-1a over code points. */
static inline uint32_t hash_letters(const uint32_t *letters, Py_ssize_t n)
{
    uint32_t hash = 2166136261u;
    for (Py_ssize_t i = 0; i < n; i++) hash = (hash ^ letters[i]) * 16777619u;
    return hash ^ (hash >> 15);
}

#endif
