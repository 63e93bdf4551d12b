export const PAGE = "x";
export const PAGE_POLICY = "default-src 'none'";
