"""A mapped class, a table, a query, and rows."""

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


metadata = sa.MetaData()
table = sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("price", sa.Numeric(8, 2)))
url = sa.make_url("postgresql://me@localhost:5432/shop?x=1")
query = sa.select(table.c.id, (table.c.price * 2).label("twice")).where(table.c.id > 3).order_by(table.c.id)

engine = sa.create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all([User(name="ann"), User(name="bob")])
    session.commit()
    u = session.scalars(sa.select(User).where(User.name == "bob")).one()
    rows = session.execute(sa.select(User.id, User.name)).all()
    session.expunge_all()
del engine, session

CHECKS = {
    "User": "User.__tablename__, sorted(User.__table__.columns.keys()), User(name='eve').name",
    "u": "u.id, u.name, type(u).__name__",
    "table": "table.name, [(one.name, str(one.type), one.primary_key) for one in table.columns]",
    "url": "str(url), url.port, dict(url.query)",
    "query": "str(query), query.selected_columns.keys()",
    "rows": "[tuple(row) for row in rows], rows[1]._asdict()",
}
