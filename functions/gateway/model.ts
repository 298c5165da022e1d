/*
 * Bria RMBG 2.0 as the gateway offers it. All that is particular to this model stands here: another model of the same
 * gateway is another path, price, and list of formats.
 */

/** The documented path of a generate request; appended to the origin of the setting `gatewayUrl`. */
export const SUBMIT_PATH = '/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request';

/** Price of one image at the gateway, in US dollars, as of November 2026: check it against your price list. */
export const PRICE_PER_IMAGE_USD = 0.018;

/** Formats that the model reads, by Bria's documentation; the gateway's names none. Default of the setting `imageFormats`. */
export const INPUT_FORMATS = ['jpeg', 'png', 'webp'] as const;

/** Extensions that the first result of a job may have, those that can be transparent; the likeliest first. */
export const RESULT_EXTENSIONS = ['png', 'webp'] as const;
