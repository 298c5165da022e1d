/** What the gateway charges for one image, in US dollars, as of November 2026: check it against your price list. */
export const PRICE_PER_IMAGE_USD = 0.018;
