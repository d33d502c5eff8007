/** An order to try: plain products of the inventory's catalogue, and a token that the payment service accepts. */
export const EXAMPLE_ORDER = {
  customer_id: 'cust_42',
  items: [
    { product_id: 'widget', quantity: 2, unit_price: 1999 },
    { product_id: 'gadget', quantity: 1, unit_price: 4950 },
  ],
  currency: 'EUR',
  payment: { method: 'card', token: 'tok_visa' },
  shipping_address: {
    name: 'Ada Lovelace',
    line1: '12 St James Square',
    city: 'London',
    postal_code: 'SW1Y 4JH',
    country: 'GB',
  },
};
