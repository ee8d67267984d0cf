// The shop's own user, created with the database's first start.
db.getSiblingDB("shop").createUser({
  user: "shop",
  pwd: process.env.SHOP_PASSWORD,
  roles: [{ role: "readWrite", db: "shop" }],
});
