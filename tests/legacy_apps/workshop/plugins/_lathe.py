raise ImportError, "not finished: \
%s" % __name__
