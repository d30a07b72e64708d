"""The public names of ``labkit.tokens``."""

from labkit.models.tokenizers.open import known_tokenizers as known_tokenizers

from .chat_template import apply_chat_template as apply_chat_template
from .chat_template import cost_turns as cost_turns
from .examples import compare_digits as compare_digits
from .examples import example_texts as example_texts
from .languages import compare_languages as compare_languages
from .languages import cost_languages as cost_languages
from .panel import tokenize_panel as tokenize_panel
from .tokenizer_comparison import compare_tokenizers as compare_tokenizers
from .vocabulary.bpe_training import train_bpe as train_bpe
from .vocabulary.vocabulary_statistics import map_vocabulary as map_vocabulary
