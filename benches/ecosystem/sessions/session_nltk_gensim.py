"""Trees, grammars and stemmers; dictionaries and word vectors. Nothing is downloaded."""

import gensim
import nltk

tr = nltk.Tree.fromstring("(S (NP the dog) (VP barks))")
stem = nltk.PorterStemmer()
gram = nltk.CFG.fromstring("S -> NP VP\nNP -> 'dogs' | 'cats'\nVP -> 'bark' | 'sleep'")
rt = nltk.RegexpTokenizer(r"\w+|[.]")
fd = nltk.FreqDist("the cat and the dog and the bird".split())
texts = [["human", "machine"], ["machine", "graph", "trees"], ["graph", "trees", "minors"]]
dct = gensim.corpora.Dictionary(texts)
tfidf = gensim.models.TfidfModel([dct.doc2bow(text) for text in texts])
w2v = gensim.models.Word2Vec(texts, vector_size=4, min_count=1, workers=1, seed=1, hashfxn=len)

CHECKS = {
    "tr": "str(tr), tr.label(), tr.leaves(), tr.productions()",
    "stem": "stem.stem('running'), stem.mode",
    "gram": "[str(one) for one in gram.productions()],"
            " [str(tree) for tree in nltk.ChartParser(gram).parse(['dogs', 'bark'])]",
    "rt": "rt.tokenize('Two words.'), repr(rt)",
    "fd": "fd.most_common(2), fd.N(), fd.freq('the')",
    "dct": "dct.token2id, dct.doc2bow(['graph', 'graph', 'new']), dct.num_docs",
    "tfidf": "tfidf[[(0, 1), (2, 1)]], tfidf.num_docs",
    "w2v": "sorted(w2v.wv.key_to_index), w2v.wv['graph'].tolist(), w2v.wv.similarity('graph', 'trees')",
}
