<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- Copies a page and puts the documentation of an interface in the place of each
     <?dbus-interface org.burnin1.Manager?>, from the introspection XML with its comments: they are written once. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="xml" encoding="UTF-8"/>
  <xsl:param name="dbus" select="'../dbus/'"/>

  <xsl:template match="@*|node()">
    <xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>
  </xsl:template>

  <xsl:template match="processing-instruction('dbus-interface')">
    <xsl:apply-templates select="document(concat($dbus, normalize-space(.), '.xml'))/node/interface" mode="interface"/>
  </xsl:template>

  <!-- The comment right before an element is its documentation. -->
  <xsl:template name="comment">
    <xsl:variable name="before" select="preceding-sibling::node()[not(self::text())][1]"/>
    <xsl:if test="$before[self::comment()]"><xsl:value-of select="normalize-space($before)"/></xsl:if>
  </xsl:template>

  <xsl:template match="interface" mode="interface">
    <refsect1>
      <title>Interface <xsl:value-of select="@name"/></title>
      <para>
        <!-- Its first line repeats the name. -->
        <xsl:variable name="text"><xsl:call-template name="comment"/></xsl:variable>
        <xsl:value-of select="normalize-space(substring-after($text, ':'))"/>
      </para>
      <xsl:if test="method">
        <refsect2><title>Methods</title>
          <variablelist><xsl:apply-templates select="method" mode="member"/></variablelist>
        </refsect2>
      </xsl:if>
      <xsl:if test="signal">
        <refsect2><title>Signals</title>
          <variablelist><xsl:apply-templates select="signal" mode="member"/></variablelist>
        </refsect2>
      </xsl:if>
      <xsl:if test="property">
        <refsect2><title>Properties</title>
          <variablelist><xsl:apply-templates select="property" mode="member"/></variablelist>
        </refsect2>
      </xsl:if>
    </refsect1>
  </xsl:template>

  <xsl:template match="arg" mode="argument">
    <xsl:if test="position() &gt; 1">, </xsl:if>
    <literal><xsl:value-of select="@type"/></literal><xsl:text> </xsl:text>
    <replaceable><xsl:value-of select="@name"/></replaceable>
  </xsl:template>

  <xsl:template match="method|signal" mode="member">
    <varlistentry>
      <term>
        <function><xsl:value-of select="@name"/></function>
        <xsl:text>(</xsl:text>
        <xsl:apply-templates select="arg[not(@direction='out')]" mode="argument"/>
        <xsl:text>)</xsl:text>
        <xsl:if test="arg[@direction='out']">
          <xsl:text> → </xsl:text>
          <xsl:apply-templates select="arg[@direction='out']" mode="argument"/>
        </xsl:if>
      </term>
      <listitem><para><xsl:call-template name="comment"/></para></listitem>
    </varlistentry>
  </xsl:template>

  <xsl:template match="property" mode="member">
    <xsl:variable name="emits" select="annotation[@name='org.freedesktop.DBus.Property.EmitsChangedSignal']/@value"/>
    <varlistentry>
      <term>
        <varname><xsl:value-of select="@name"/></varname>
        <xsl:text> (</xsl:text><literal><xsl:value-of select="@type"/></literal>
        <xsl:choose>
          <xsl:when test="$emits='const'">, never changes</xsl:when>
          <xsl:when test="$emits='false'">, changes without a signal</xsl:when>
          <xsl:when test="$emits='invalidates'">, a change is signalled without its value</xsl:when>
        </xsl:choose>
        <xsl:text>)</xsl:text>
      </term>
      <listitem><para><xsl:call-template name="comment"/></para></listitem>
    </varlistentry>
  </xsl:template>
</xsl:stylesheet>
