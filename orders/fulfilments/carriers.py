"""Tracking pages of carriers, by name; `settings.CARRIERS` adds and replaces some."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote

from django.conf import settings

NUMBER = "{tracking_number}"

CARRIERS = {
    "An Post": "https://www.anpost.com/Post-Parcels/Track/History?item={tracking_number}",
    "Aramex": "https://www.aramex.com/track/results?ShipmentNumber={tracking_number}",
    "Australia Post": "https://auspost.com.au/mypost/track/#/details/{tracking_number}",
    "bpost": "https://track.bpost.cloud/btr/web/#/search?itemCode={tracking_number}",
    "Bring": "https://tracking.bring.com/tracking/{tracking_number}",
    "Canada Post": "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={tracking_number}",
    "Chronopost": "https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={tracking_number}",
    "Colissimo": "https://www.laposte.fr/outils/suivre-vos-envois?code={tracking_number}",
    "Correos": "https://www.correos.es/es/es/herramientas/localizador/envios/detalle?tracking-number={tracking_number}",
    "DHL": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={tracking_number}",
    "DHL Express": "https://www.dhl.com/global-en/home/tracking/tracking-express.html?tracking-id={tracking_number}",
    "DHL Paket": "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={tracking_number}",
    "DPD": "https://tracking.dpd.de/status/en_US/parcel/{tracking_number}",
    "DPD UK": "https://track.dpd.co.uk/parcels/{tracking_number}",
    "Evri": "https://www.evri.com/track/parcel/{tracking_number}",
    "FedEx": "https://www.fedex.com/fedextrack/?trknbr={tracking_number}",
    "GLS": "https://gls-group.com/track/{tracking_number}",
    "Hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{tracking_number}",
    "InPost": "https://inpost.pl/sledzenie-przesylek?number={tracking_number}",
    "Japan Post": "https://trackings.post.japanpost.jp/services/srv/search/direct?locale=en&reqCodeNo1={tracking_number}",
    "La Poste": "https://www.laposte.fr/outils/suivre-vos-envois?code={tracking_number}",
    "NZ Post": "https://www.nzpost.co.nz/tools/tracking/item/{tracking_number}",
    "Parcelforce": "https://www.parcelforce.com/track-trace?trackNumber={tracking_number}",
    "Poczta Polska": "https://emonitoring.poczta-polska.pl/?numer={tracking_number}",
    "Poste Italiane": "https://www.poste.it/cerca/index.html#/risultati-spedizioni/{tracking_number}",
    "Posti": "https://www.posti.fi/en/tracking#/lahetys/{tracking_number}",
    "PostNL": "https://jouw.postnl.nl/track-and-trace/{tracking_number}",
    "PostNord": "https://tracking.postnord.com/en/tracking?id={tracking_number}",
    "Purolator": "https://www.purolator.com/en/shipping/tracker?pin={tracking_number}",
    "Royal Mail": "https://www.royalmail.com/track-your-item#/tracking-results/{tracking_number}",
    "Swiss Post": "https://service.post.ch/ekp-web/ui/entry/search/{tracking_number}",
    "TNT": "https://www.tnt.com/express/en_gc/site/shipping-tools/tracking.html?searchType=con&cons={tracking_number}",
    "UPS": "https://www.ups.com/track?tracknum={tracking_number}",
    "USPS": "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking_number}",
    "Österreichische Post": "https://www.post.at/sv/sendungsdetails?snr={tracking_number}",
}

# Other names that staff and shipping software use.
ALIASES = {
    "Austrian Post": "Österreichische Post",
    "Die Post": "Swiss Post",
    "Hermes UK": "Evri",
    "La Poste Colissimo": "Colissimo",
    "New Zealand Post": "NZ Post",
    "Post AT": "Österreichische Post",
    "Schweizerische Post": "Swiss Post",
    "United Parcel Service": "UPS",
}


def tracking_url(*, carrier: str, tracking_number: str) -> str:
    """Return "" for an unknown carrier."""
    template = _templates(tuple(settings.CARRIERS.items())).get(_normalized(carrier))
    return template.replace(NUMBER, quote(tracking_number, safe="")) if template and tracking_number else ""


def carrier_names() -> list[str]:
    """Return the names to choose from, those of the shop first."""
    return list({**settings.CARRIERS, **CARRIERS})


@lru_cache(maxsize=4)
def _templates(added: tuple[tuple[str, str], ...]) -> dict[str, str]:
    known = {_normalized(name): template for name, template in CARRIERS.items()}
    aliases = {_normalized(alias): CARRIERS[name] for alias, name in ALIASES.items()}
    return {**aliases, **known, **{_normalized(name): template for name, template in added}}


def _normalized(name: str) -> str:
    """Ignore case, accents, spaces and punctuation."""
    return re.sub(r"[\W_]|[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name.casefold()))
