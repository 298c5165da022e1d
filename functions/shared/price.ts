/** What the gateway charges for one image, in US dollars: the published price of Bria RMBG 2.0, November 2026. */
export const PRICE_PER_IMAGE_USD = 0.018;
