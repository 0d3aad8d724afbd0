__all__ = ['wording', 'queue']
